"""Advice: rules, as data, that say what to look at in a report, with the figures they rest on."""

from vmprof.report.advice.advise import Advice, Advised, Case, advise
from vmprof.report.advice.load import load_rules
from vmprof.report.advice.rule import SHIPPED, Rule, Scope

__all__ = ["SHIPPED", "Advice", "Advised", "Case", "Rule", "Scope", "advise", "load_rules"]
