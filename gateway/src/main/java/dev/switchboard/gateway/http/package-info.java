/**
 * The public listener: protocol limits before parsing, the OpenAI routes, and {@link
 * dev.switchboard.gateway.http.Exchange}, the course of one request from its head to its last byte,
 * with what it goes through. One event loop owns a request.
 */
@NullMarked
package dev.switchboard.gateway.http;

import org.jspecify.annotations.NullMarked;
