/* Training to the same bits by any number of threads. A team keeps several work units under way, each in a lane with a
 * state of its own. In a round
 *
 *   1. every lane draws its next blocks and takes their updates of both matrices, which stay as they are, down apart;
 *   2. the updates are added, to each row by the thread that owns it, in the order of lanes and blocks.
 *
 * Threads wait for each other after each step, so that neither depends on who does what. The numbers of lanes and of
 * their blocks in a round say how many blocks train without seeing each other's updates; results depend on both. Once
 * all lanes have come to the end of their units, the next ones begin. */
#ifndef FASTSGNS_ROUNDS_H
#define FASTSGNS_ROUNDS_H

#include "barrier.h"

enum { TEAM_LANES = 64 }; /* the most that a team can have, and so the most threads with work */

typedef struct {
    sgns_state *state;
    sgns_walk walk;
    int32_t n_blocks; /* of this round, in state->blocks; 0 at the unit's end */
} sgns_lane;

typedef struct {
    sgns_job *job;
    sgns_lane lanes[TEAM_LANES];
    int32_t most_lanes;
    int64_t first_unit; /* lane i has unit first_unit + i ... */
    int32_t n_lanes;    /* ... if i < n_lanes; 0: there is no more to do */
    sgns_barrier barrier;
} sgns_team;

/* The next units, for as many lanes; none if the job is stopped or at its end. By one thread. */
static void team_take_units(sgns_team *team) {
    sgns_job *job = team->job;
    int64_t left = (job->n_tokens + job->unit_words - 1) / job->unit_words - job->next_unit;
    team->n_lanes = job->stop || left <= 0 ? 0 : left < team->most_lanes ? (int32_t)left : team->most_lanes;
    team->first_unit = job->next_unit;
    job->next_unit += team->n_lanes;
}

SGNS_INLINE void lane_begin(const sgns_job *job, sgns_lane *lane, int64_t unit) {
    lane->walk = walk_begin(job, lane->state, unit);
    lane->n_blocks = job->round_blocks;
}

/* Draws a lane's blocks of the next round; `n_blocks` says how many it had in the last one. */
SGNS_INLINE void lane_draw(const sgns_job *job, sgns_lane *lane) {
    int32_t ended = lane->n_blocks < job->round_blocks;
    lane->n_blocks = 0;
    while (!ended && lane->n_blocks < job->round_blocks) {
        ended = !walk_next(job, lane->state, &lane->walk, &lane->state->blocks[lane->n_blocks]);
        lane->n_blocks += !ended;
    }
}

/* Where the updates of a lane's block stand: rows of its inputs, then of its outputs. */
SGNS_INLINE float *block_updates(const sgns_job *job, const sgns_state *state, int32_t block) {
    return state->updates + block * (block_inputs(job) + block_stride(job)) * job->stride;
}

/* Whether this thread is the one of so many that adds to a row. Spread by a product, as addresses are multiples of the
 * stride. */
SGNS_INLINE int is_owner(const float *row, int32_t thread, int32_t threads) {
    uint32_t spread = (uint32_t)((uintptr_t)row >> 6) * 0x9E3779B1u;
    return (int32_t)(((uint64_t)spread * (uint32_t)threads) >> 32) == thread;
}

#endif
