"""How much memory each stage takes at most, mails of one set passing through the whole path."""

from benchmarks.ground import Ground
from benchmarks.mails import mail_set
from benchmarks.results import Memory
from benchmarks.speed import Feed
from benchmarks.trials import Everything


async def memory(ground: Ground, name: str, mails: int) -> Memory:
    """Stages that just started, so that nothing of other sets is in their memory."""
    async with Everything.on(ground.side("mailcase")) as trial:
        done = await trial.run(Feed(mail_set(name)).take(mails))
        own = {process.name for process in trial.side.processes}
        return Memory(name, mails, {stage: round(mb, 1) for stage, mb in done.peak_mb.items() if stage in own})
