"""The night on many machines: workers that share it through Postgres. Needs the extra ``spfcheck[cluster]``.

One machine with SQLite needs nothing of this. `spfcheck.cluster.nights` and `spfcheck.cluster.chunks` hold what is due
and who may do it; this room only has it done:

=========== =======================================================================================================
`schema`    the tables of the engine (procrastinate) that hands out work, in a schema of their own
`errands`   asks the engine for work, in the transaction of the row that makes it due
`work`      what workers do: gather, examine, settle, send, each by the same functions as one machine does
`rescue`    finds what dead workers left, and what the engine lost
`worker`    the process: serves its queues, survives restarts of the database, ends in order
=========== =======================================================================================================
"""
