"""Runs and looks: what happens before the first job and after the last, and what a dry run says first.

Only the main process reads this file: Snakemake starts others for jobs on a cluster.
"""

import gc
import sys
from snakemake import __version__
from lacuna.catalogue.contents import summaries
from lacuna.cost import estimate, work_of
from lacuna.cost.learning import learn_from_run
from lacuna.cost.learnt_file import read_learnt
from lacuna.files.digests import recall_digests, renew_digests
from lacuna.jobs import interrupts, kept, outages, overview, runs
from lacuna.jobs.version import refuse_other_version
from lacuna.plan.again import made_again
from lacuna.plan.code import FOLDER
from lacuna.plan.names import COLLECTIONS, refuse_unknown
from lacuna.plan.notes import refuse_dead_notes
from lacuna.plan.presence import asked_for, refuse_incomplete, refuse_missing
from lacuna.plan.stray_claims import refuse_stray_claims
from lacuna.versioning.experiments import refuse_experiments

NOTES, KEPT, WATCHED = Path(".snakemake"), [], []
FEW = 4  # exhibits that a dry run describes


def read_command_line():
    """Refuses names that do not exist, notes a run, and says what a dry run plans; any other look does nothing.

    Before a plan is made, the digests of code are brought up to date as far as they are known; --touch takes all code
    as it is.
    """
    refuse_other_version(__version__)
    refuse_experiments()
    kind = command().kind
    planned = kind in ("run", "dry run", "touch")
    if planned:
        PLAN.learnt = read_learnt(PLAN.config.scale, command().elsewhere)
        refuse_incomplete(PLAN, command().named if command().targets else ["all"])
    refuse_unknown(PLAN, command().named)
    if planned:
        refuse_stray_claims(PLAN, ROOT)
        refuse_dead_notes(PLAN.known)
        changed = update_digests(kind)
    if kind in ("run", "touch"):
        runs.begin(NOTES)
    elif kind == "unlock":
        runs.unlock(NOTES)
    if kind in ("run", "dry run"):
        foretell(kind, changed)


def foretell(kind, changed):
    """Says what is finished and would be made again; a dry run says also what named exhibits are, and what they cost."""
    exhibits, targets = asked_for(PLAN, command().targets), {*command().targets}
    named = exhibits if len(exhibits) <= FEW else []
    known = exhibits or not targets or targets & COLLECTIONS
    exhibits = exhibits or [*PLAN.lookup.tables, *PLAN.lookup.figures]
    sentences = [str(made_again(PLAN, exhibits, changed))] if known else []
    if kind == "dry run":
        cost = estimate(PLAN, exhibits)
        sentences += summaries(PLAN, named)
        sentences += [str(cost), cost.shortage(Path("results"))]
    for sentence in filter(None, sentences):
        print(sentence, file=sys.stderr)


def update_digests(kind):
    """Renews or recalls the digests of code; gives the modules that changed, by the parts of the code.

    A dry run writes lost digests only where all of them were lost.
    """
    lost, changed = kind == "run" or not Path(FOLDER).exists(), {}
    for part in PLAN.code.values():
        if kind == "touch":
            renew_digests(part.digests, part.files(ROOT))
        elif new := recall_digests(part.digests, part.files(ROOT), lost):
            changed[part.name] = new
    return changed


def before_the_first_job():
    """Stops where files that the user brings are not there or do not fit, and ends what killed runs left.

    What is finished and will be made again stays until its successor is there.
    """
    gc.enable()
    jobs = [*workflow.dag.needrun_jobs()]
    refuse_missing(PLAN, [*map(named, jobs)])
    runs.settle(NOTES, patient=not workflow.local_exec)
    kept.recover(Path("results"))
    KEPT.extend(kept.keep([job.output for job in jobs], workflow.persistence))
    if workflow.local_exec:
        interrupts.pass_on_to_jobs()
    else:
        outages.watch(NOTES)
    runs.lift_rate_limit(workflow.scheduler)
    WATCHED.append(watched(jobs))


def named(job):
    """A job by its rule and its wildcards."""
    return job.rule.name, dict(job.wildcards.items())


def watched(jobs):
    """Begins to say how far the run is; gives what ends that."""
    works = {job: work_of(PLAN, *named(job)) for job in jobs}
    return overview.watch(
        works, lambda: workflow.scheduler.running, workflow.dag.finished
    )


def after_the_last_job(submitted):
    """Gives back what was not replaced, takes the note of this run away, and learns what its jobs took."""
    seen = [(*named(job), wall) for end in WATCHED for job, wall in end().walls.items()]
    for files in KEPT:
        files.give_back(workflow.persistence)
    outages.leave(NOTES)
    runs.finish(NOTES, submitted=submitted)
    learn_from_run(PLAN, seen, command().elsewhere)


def in_one_sentence(do):
    """Does something whose errors a user is meant to read."""
    try:
        do()
    except LacunaError as error:
        raise WorkflowError(str(error)) from None


in_one_sentence(read_command_line)


onstart:  # as the two below, not in a dry run
    if not workflow.touch:
        in_one_sentence(before_the_first_job)


onsuccess:
    after_the_last_job(submitted=False)


onerror:
    after_the_last_job(submitted=not workflow.local_exec)
