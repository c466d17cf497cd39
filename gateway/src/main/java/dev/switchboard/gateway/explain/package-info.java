/**
 * Why a request took as long as it did, in plain words and numbers: who held it up, what stood
 * before it, and what another replica would have come to. Pure; asked by the admin API.
 */
@NullMarked
package dev.switchboard.gateway.explain;

import org.jspecify.annotations.NullMarked;
