"""Who may work on a case. Pure."""

from collections.abc import Mapping

from schemas.stored import Case
from services.casework.actors import WORKER, ActingAs
from services.casework.decisions.situation import Situation
from services.casework.refusals import ActionRefusedError
from services.runtime.settings import Process


def require_worker(situation: Situation) -> None:
    """Raises ActionRefusedError if the actor may not work on the case."""
    if not may_work_case(situation, situation.case):
        problem = f"you may not work on cases of process {situation.case.process}"
        raise ActionRefusedError("not-allowed", problem, "ask a manager of the process for a role")


def may_work_case(situation: Situation, case: Case) -> bool:
    """As `may_work`, for the actor of the situation."""
    return may_work(situation.processes, situation.acting, case)


def may_work(processes: Mapping[str, Process], acting: ActingAs, case: Case) -> bool:
    """Whether an actor may work on a case. If its process is not in the settings, only operators
    may.
    """
    process = processes.get(case.process)
    if process is None:
        return acting.everything
    return WORKER in acting.roles_in(process)
