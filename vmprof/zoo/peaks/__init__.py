"""What this machine attains at best: float32 operations, and bytes from each cache and memory."""

from vmprof.zoo.peaks.cache import cached_peaks, keep_peaks, kept_history
from vmprof.zoo.peaks.model import Peaks
from vmprof.zoo.peaks.settings import kept_settings, peak_settings

__all__ = ["Peaks", "cached_peaks", "keep_peaks", "kept_history", "kept_settings", "peak_settings"]
