/** Golden data that is no part of the project. */
@NullMarked
package dev.switchboard.golden;

import org.jspecify.annotations.NullMarked;
