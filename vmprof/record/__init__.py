"""Sessions: recording what a user's own program calls of its VMs.

:mod:`vmprof.record.session` records; it needs TVM and the native half. What it gives, a
:class:`vmprof.record.recording.Recording`, is data: it is saved, loaded and reported by
modules of this folder that need neither.
"""
