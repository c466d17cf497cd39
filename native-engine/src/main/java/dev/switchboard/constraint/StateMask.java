package dev.switchboard.constraint;

/**
 * What may follow in one state, whoever called its rule.
 *
 * @param allowed tokens that fit into the rule, or end with it
 * @param undecided where in the vocabulary's trie tokens go on after the rule has ended, so that
 *     the stack decides, in walking order: {@code ~node} stands for all that begins with the node,
 *     {@code node} is on the way to one of these
 * @param reach nested calls that were looked at; where the stack leaves no room for them, this does
 *     not hold
 */
record StateMask(TokenSet allowed, int[] undecided, int reach) {
  int bytes() {
    return 48 + 4 * undecided.length;
  }
}
