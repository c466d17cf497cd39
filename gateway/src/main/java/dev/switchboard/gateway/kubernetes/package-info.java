/**
 * Watches the API server of Kubernetes: lists and watches EndpointSlices, pods and InferencePools,
 * and sets the deletion costs of pods. Loaded only where {@code discovery.kubernetes} names models.
 * All of it runs on one event loop; what it found is put in force on a thread beside it.
 */
@NullMarked
package dev.switchboard.gateway.kubernetes;

import org.jspecify.annotations.NullMarked;
