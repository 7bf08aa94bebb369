"""PAPI's preset events, which scripts for TVM's old profiler name: what to write instead."""

from __future__ import annotations

_PREFIX = "PAPI_"

# By the descriptions of papi_avail; several presets of one event differ in what no generic event
# tells apart.
PRESETS = {
    "BR_INS": "branches",
    "BR_MSP": "branch-misses",
    "L1_DCA": "L1-dcache-loads",
    "L1_DCM": "L1-dcache-load-misses",
    "L1_ICM": "L1-icache-load-misses",
    "L1_LDM": "L1-dcache-load-misses",
    "L1_STM": "L1-dcache-store-misses",
    "L3_LDM": "LLC-load-misses",
    "L3_STM": "LLC-store-misses",
    "L3_TCA": "cache-references",
    "L3_TCM": "cache-misses",
    "LD_INS": "L1-dcache-loads",
    "REF_CYC": "ref-cycles",
    "RES_STL": "stalled-cycles-backend",
    "SR_INS": "L1-dcache-stores",
    "STL_ICY": "stalled-cycles-frontend",
    "TLB_DM": "dTLB-load-misses",
    "TLB_IM": "iTLB-load-misses",
    "TOT_CYC": "cycles",
    "TOT_INS": "instructions",
}
_OPERATIONS = ("FP_", "SP_", "DP_", "VEC_")


def meaning(name: str) -> str | None:
    """Advice if ``name`` is PAPI's: the event that is meant; None if it is not."""
    preset = name.upper().removeprefix(_PREFIX)
    if preset == name.upper():
        return None
    if preset in PRESETS:
        return f"did you mean: {PRESETS[preset]}?"
    if preset.startswith(_OPERATIONS):
        return "--metrics has the operations of each kernel"
    return "`vmprof events` lists what there is"
