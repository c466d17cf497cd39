/**
 * What the console knows of each gateway now and of the last hour: one listener, one poll and one
 * scrape per gateway, whoever looks.
 */
@NullMarked
package dev.switchboard.console.live;

import org.jspecify.annotations.NullMarked;
