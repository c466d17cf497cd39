/**
 * What a request asks for in time: its service class, its targets, its deadline and its priority,
 * read from its headers. Plain data that admission, routing and telemetry share.
 */
@NullMarked
package dev.switchboard.gateway.slo;

import org.jspecify.annotations.NullMarked;
