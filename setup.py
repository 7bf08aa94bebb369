"""Thin on purpose: metadata is in pyproject.toml, the native half in CMakeLists.txt."""

from setuptools import setup

setup(cmake_source_dir=".")
