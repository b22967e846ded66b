"""Rebuilt papers: a study's claims, the commands that test them, and the verdicts.

A study is a folder ``studies/NAME`` with a ``study.toml`` (``schema.py`` says what may stand in it). What its commands
find is kept beside it and never committed:

    results/verdicts.json     one verdict for each claim; ``results.Verdicts``
    results/runs/KEY.json     one run of a command: what it printed, when, at which commit, on which machine, with which
                              versions and seeds; ``results.StudyRun``. KEY is a hash of the command and of its inputs
    results/logs/KEY.log      what the command said on its standard error
    results/work/KEY/         the command's own files: {out} in a command
    report/report.pdf, .html  what ``openbook study report`` made of them

Every file is written beside its place and renamed, so a run that was killed leaves whole files, and the next one goes on.
``load_study`` and ``load_studies`` read a study together with its verdicts.
"""

from openbook.studies.results import Study, load_studies, load_study

__all__ = ["Study", "load_studies", "load_study"]
