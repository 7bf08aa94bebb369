"""Thin on purpose: metadata is in pyproject.toml, the native half in CMakeLists.txt."""

import sysconfig

from setuptools import setup

# One wheel for all versions of Python, where the native half is one for all (CMakeLists.txt).
abi3 = {} if sysconfig.get_config_var("Py_GIL_DISABLED") else {"py_limited_api": "cp310"}
setup(cmake_source_dir=".", options={"bdist_wheel": abi3})
