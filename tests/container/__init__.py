"""vmprof as a stranger meets it: in a new container with Python and nothing else.

The containers are Podman's, with its own filter of system calls. Their images start from Debian,
by debootstrap: no registry of images is asked. Debian's and PyPI's packages come over the network
when images are made; what runs in them then has none.

    podman.py          images and containers
    pages.py           what a page of the documentation has its reader do
    conftest.py        the source distribution, built in a container; what pip finds there
    test_install.py    docs/start/install.md and docs/start/first-report.md, followed
    test_image.py      the project's own image, by its Dockerfile, with and without perf events
"""
