/* Training to the same bits by any number of threads. A team keeps several work units under way, each in a lane with a
 * state of its own: lane i of n trains the units i, i + n, i + 2 n and so on. In a round
 *
 *   1. every lane draws the next blocks of its unit and takes their updates of both matrices, which stay as they are, down
 *      apart;
 *   2. the updates are added, to each row by the thread that owns it, in the order of lanes and blocks.
 *
 * Threads wait for each other after each step, so that neither depends on who does what. The numbers of lanes and of their
 * blocks in a round say how many blocks train without seeing each other's updates; results depend on both. */
#ifndef FASTSGNS_ROUNDS_H
#define FASTSGNS_ROUNDS_H

#include "barrier.h"

enum { TEAM_LANES = 64 }; /* the most that a team can have, and so the most threads with work */

typedef struct {
    sgns_state *state;
    sgns_walk walk;
    int64_t unit;     /* under way */
    int64_t drawn;    /* blocks of it so far */
    int32_t n_blocks; /* of this round, in state->blocks; 0: no unit is left */
} sgns_lane;

typedef struct {
    sgns_job *job;
    sgns_lane lanes[TEAM_LANES];
    int32_t n_lanes, stopped;
    sgns_barrier barrier;
} sgns_team;

static inline void lane_take_unit(const sgns_job *job, sgns_lane *lane, int64_t unit) {
    lane->unit = unit;
    lane->drawn = 0;
    if (unit * job->unit_words < job->n_tokens) lane->walk = walk_begin(job, lane->state, unit);
}

/* Draws a lane's blocks of the next round: of one unit, fewer at its end. */
static inline void lane_draw(const sgns_team *team, sgns_lane *lane) {
    const sgns_job *job = team->job;
    lane->n_blocks = 0;
    while (lane->unit * job->unit_words < job->n_tokens) {
        while (lane->n_blocks < job->round_blocks &&
               walk_next(job, lane->state, &lane->walk, &lane->state->blocks[lane->n_blocks]))
            lane->n_blocks++;
        if (lane->n_blocks) break;
        lane_take_unit(job, lane, lane->unit + team->n_lanes);
    }
    lane->drawn += lane->n_blocks;
}

/* Puts a lane to where so many blocks of a unit are trained. */
static void lane_begin(const sgns_job *job, sgns_lane *lane, int64_t unit, int64_t blocks) {
    lane_take_unit(job, lane, unit);
    if (unit * job->unit_words >= job->n_tokens) return;
    while (lane->drawn < blocks && walk_next(job, lane->state, &lane->walk, &lane->state->blocks[0])) lane->drawn++;
    lane->state->block_count = lane->drawn;
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
