"""Baselines: the pictures without signal that an attribution is relative to, and what to know of one before it is used."""

from igref.baselines.diagnosis import BaselineDiagnosis, diagnose
from igref.baselines.named import BASELINES, make_baseline

__all__ = ["BASELINES", "BaselineDiagnosis", "diagnose", "make_baseline"]
