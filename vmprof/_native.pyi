# The cffi module that CMake builds; its declarations are native/api.h.

from typing import Any

ffi: Any
lib: Any
