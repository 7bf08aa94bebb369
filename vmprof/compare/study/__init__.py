"""The same at many points, such as all servers of a fleet: :class:`Study`."""

from vmprof.compare.study.folder import Asked, StudyFolder, is_study
from vmprof.compare.study.study import Study

__all__ = ["Asked", "Study", "StudyFolder", "is_study"]
