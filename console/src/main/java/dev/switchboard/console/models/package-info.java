/** Models with their replicas, the names that are split over models, and rolling restarts. */
@NullMarked
package dev.switchboard.console.models;

import org.jspecify.annotations.NullMarked;
