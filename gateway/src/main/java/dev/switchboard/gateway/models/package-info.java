/**
 * Model files that the admin API may load: which there are, what they hold, and what a worker would
 * take of memory. Files are read by processes of their own. Called by the admin listener, on its
 * worker threads.
 */
@NullMarked
package dev.switchboard.gateway.models;

import org.jspecify.annotations.NullMarked;
