/**
 * State that lasts: keys, tenants, service classes, the audit log and usage, in an embedded H2 file
 * or in PostgreSQL. One thread of its own works on the database; everybody else reads the snapshot,
 * so a database that is slow or gone delays no request.
 */
@NullMarked
package dev.switchboard.gateway.store;

import org.jspecify.annotations.NullMarked;
