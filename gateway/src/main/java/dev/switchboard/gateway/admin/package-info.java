/**
 * The admin listener: metrics, replicas, models, recent requests and their timelines; events and
 * drills; keys, tenants, usage, configuration and the audit log. Every route has a role, and every
 * change an audit entry. Answers are built from snapshots; the scrape and the store run off the
 * event loop.
 */
@NullMarked
package dev.switchboard.gateway.admin;

import org.jspecify.annotations.NullMarked;
