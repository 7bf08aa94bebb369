"""vmprof on a processor that has a PMU: the one of an emulated Arm machine.

Most machines that vmprof is developed and tested on are virtual ones without a
PMU. QEMU emulates an Arm machine whose PMU counts exactly, and a stock kernel
drives it: what the tests here assert on it, they assert to the instruction.

    system.py    Debian, Python and the wheels that vmprof needs, for Arm; cached
    payload.py   vmprof, the programs and the models, built for the machine
    guest.py     the emulated machine, which runs programs as tests ask for them
    host.py      this machine in its place, where it has a PMU
    programs/    what runs on either of them

What is downloaded and unpacked lies in ~/.cache/vmprof/pmu-guest, 640 MB for
each state of what it is made from; what a week has not used is removed.

To add a test, write a program that prints JSON, and a test that runs it::

    def test_it(machine: Machine) -> None:
        assert machine.run("programs/it.py", "argument").json() == {"counted": 1}
"""
