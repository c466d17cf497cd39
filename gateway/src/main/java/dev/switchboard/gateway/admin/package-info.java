/**
 * The admin listener: metrics, replicas, models, recent requests and their timelines, drain and
 * resume. Answers are built from snapshots; only the scrape runs off the event loop.
 */
@NullMarked
package dev.switchboard.gateway.admin;

import org.jspecify.annotations.NullMarked;
