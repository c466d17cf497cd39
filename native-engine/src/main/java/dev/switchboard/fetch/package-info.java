/**
 * Brings a model file onto a volume before a worker starts: the init container of the worker's pod.
 * Blocking, on the caller's thread; several processes may share the volume.
 */
@NullMarked
package dev.switchboard.fetch;

import org.jspecify.annotations.NullMarked;
