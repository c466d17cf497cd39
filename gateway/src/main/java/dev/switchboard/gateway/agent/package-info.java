/**
 * What runs inside the OpenTelemetry agent: it is packed as a jar of its own, which the agent loads
 * by {@code -Dotel.javaagent.extensions}. The agent's SDK is hidden from the application, so what
 * is counted here reaches it through the JVM's MBean server, which all class loaders share. Spans
 * come on the threads that end them, batches on the agent's exporter threads.
 */
@NullMarked
package dev.switchboard.gateway.agent;

import org.jspecify.annotations.NullMarked;
