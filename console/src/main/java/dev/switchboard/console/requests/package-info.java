/** The views of requests and of one request. */
@NullMarked
package dev.switchboard.console.requests;

import org.jspecify.annotations.NullMarked;
