"""Plan: one decision for every column of every table, from models and a policy.

In reading order: `draft` (a table before it is decided on), `kinds`, `said`, `gather`, `links`,
`decide`, `domains`, `build`, `unused`, `plan`, `held`.
"""

from __future__ import annotations

from anonymizer.plan.plan import Outline, Plan, make_plan, outline

__all__ = ["Outline", "Plan", "make_plan", "outline"]
