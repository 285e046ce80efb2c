"""The keyed queue: one FIFO *lane* per key, a lock per lane, leases and wake-ups, in Redis.

Guarantee: what is accepted stays until a holder that owns its lane finishes it; a lane has one holder
at a time as far as Redis knows; a holder that dies loses its lanes when the lease ends. Every step is
one Lua script (`scripts/`), so it happens whole or not at all, and each is safe to repeat.
It does not promise that an old holder has stopped working: that is what the fence is for, and the
ledger checks it. It knows lanes and bytes, nothing of what they mean.

A lane is in exactly one state; an operator may keep it out of `ready` and `delayed` by parking it::

                     accept (first command)
          ┌──────┐ ─────────────────────────► ┌───────┐
          │ idle │                            │ ready │ ◄──────────────┐
          └──────┘ ◄───────────┐              └───────┘                │
           no keys             │          claim │   ▲ finish           │ sweep
                               │                ▼   │ (more waiting)   │ (due)
                               │ finish       ┌──────┐  finish with ┌─────────┐
                               └───────────── │ held │ ───────────► │ delayed │
                                 (emptied)    └──────┘  a delay     └─────────┘
                                                 │ sweep (lease ended)
                                                 └──────► ready, and suspect

    park: ready, delayed, idle ──► parked, and held as soon as it is given back; unpark: ──► ready, idle

A *suspect* lane is claimed alone, one command at a time, until as many commands have passed as its
last holder had when it failed; only such a claim counts as an attempt of the command.

Keys of shard N, all with the hash tag ``{N}``; every one is gone when nothing waits, but those marked *::

    kl:{N}:ready        list    lanes that wait for a drain, longest first
    kl:{N}:held         zset    lane → end of its lease (ms, Redis clock)
    kl:{N}:holders      hash    lane → token of the claim that holds it: "<drain>:<fence>"
    kl:{N}:claim:<tok>  hash    lane → how many of its commands the claim took; so that a repeated claim
                                gets the same, and whoever is not in here owns nothing
    kl:{N}:delayed      zset    lane → when it is due (ms, Redis clock)
    kl:{N}:parked *     hash    lane → "<since ms>:<reason>": kept from being worked on by an operator
    kl:{N}:lane:<lane>  list    its commands, oldest first: id (36 characters), then the payload
    kl:{N}:info:<lane>  hash    removed: commands finished since it was last idle; reason of a delay;
                                marks: cancel marks among its commands; suspect, attempts, last: see
                                finish.lua and sweep.lua. Most lanes have none
    kl:{N}:cmd:<id>     hash    marker of a command that waits: lane, caller, print, label, at, nth, reply,
                                mark
    kl:{N}:finished:<n> set     ids that finish removed in the n-th half minute; they are known for another
                                half minute at least; TTL 60 s
    kl:{N}:awake        zset    drains awake, and slots reserved for them (``r:…``) → end (ms)
    kl:{N}:rate:<name>  string  when the bucket is empty again (µs, GCRA); TTL
    kl:{N}:counters *   hash    accepts (ever), waiting (commands), bytes (of them), sweeps (ever)
    kl:{N}:identity *   string  names this data set, so that its loss is noticed
    kl:{N}:bell         channel rung when work comes while a drain is awake
"""
