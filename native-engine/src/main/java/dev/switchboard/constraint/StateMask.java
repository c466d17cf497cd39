package dev.switchboard.constraint;

import org.jspecify.annotations.Nullable;

/**
 * What may follow in one state, whoever called its rule.
 *
 * @param allowed tokens that fit into the rule, or end with it
 * @param undecided tokens that go on after the rule has ended: the stack decides; null for none
 * @param reach nested calls that were looked at; where the stack leaves no room for them, this does
 *     not hold
 */
record StateMask(TokenSet allowed, @Nullable TokenTrie undecided, int reach) {
  int bytes() {
    TokenTrie open = undecided;
    return 32 + (open == null ? 0 : open.bytes());
  }
}
