/**
 * How many files, sockets among them, a process may have open: what worker and gateway hold their
 * limits of connections to. Read once, by whoever starts.
 */
@NullMarked
package dev.switchboard.descriptors;

import org.jspecify.annotations.NullMarked;
