/**
 * What {@code k8s/} renders to, held against Kubernetes' schemas, the configuration and the code.
 */
@NullMarked
package dev.switchboard.gateway.manifests;

import org.jspecify.annotations.NullMarked;
