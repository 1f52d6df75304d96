"""Are hard distractors really wrong? Questions for a person to judge, and the rate that the verdicts give."""
