"""Work: pieces of it on cores, clusters and shards, their answers stored, and gone on with.

A piece is a function of this package and plain arguments. What it returns is stored under a key
made of both, so that the same work is never done twice, and a killed command goes on:

    pieces = [Piece(function=measure, arguments={"width": width}) for width in (8, 16)]
    for piece, answer in perform(pieces, Path("results"), workers=2, timeout=600, report=print):
        ...  # the mapping that measure(width=..., folder=...) returned, or a Failure

with `Piece`, `Failure` and `Answers` in `work.piece`, and `perform` in `work.perform`. Places other
than `workers` processes here are `work.ray.Ray` and `work.slurm.Slurm`; a shard i of n is
`pieces[i::n]`. Another kind of answer, such as the record of a cell, is another `Store`; a batch
names its `parts`, and what memory it needs is a function, `need`.

Whatever the kind of work: as many pieces run at once as fit into memory, each in a process with one
thread; one that fails, dies or takes too long is told apart and the others go on; after a signal
what runs saves its state; workers end with the process that started them.
"""
