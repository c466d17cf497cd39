package dev.switchboard.constraint;

import dev.switchboard.tokenizer.IntList;
import java.util.Arrays;
import java.util.function.IntPredicate;

/** A set of Unicode scalar values: disjoint ranges in rising order, surrogates never among them. */
final class CodePoints {
  static final int MOST = Character.MAX_CODE_POINT;
  static final CodePoints NONE = new CodePoints(new int[0]);
  static final CodePoints ALL = NONE.complement();

  private static final int FIRST_SURROGATE = 0xd800;
  private static final int LAST_SURROGATE = 0xdfff;

  private final int[] bounds;

  private CodePoints(int[] bounds) {
    this.bounds = bounds;
  }

  static CodePoints of(int codePoint) {
    return range(codePoint, codePoint);
  }

  static CodePoints range(int low, int high) {
    return NONE.plus(low, high);
  }

  /** All that there are of a kind: looks at each. */
  static CodePoints matching(IntPredicate kind) {
    IntList bounds = new IntList();
    boolean inside = false;
    for (int c = 0; c <= MOST + 1; c++) {
      boolean matches = c <= MOST && (c < FIRST_SURROGATE || c > LAST_SURROGATE) && kind.test(c);
      if (matches != inside) {
        bounds.add(matches ? c : c - 1);
        inside = matches;
      }
    }
    return new CodePoints(bounds.toArray());
  }

  /** Each character of the text. */
  static CodePoints anyOf(String characters) {
    return characters
        .codePoints()
        .mapToObj(CodePoints::of)
        .reduce(NONE, (left, right) -> left.union(right));
  }

  int ranges() {
    return bounds.length / 2;
  }

  int low(int range) {
    return bounds[2 * range];
  }

  int high(int range) {
    return bounds[2 * range + 1];
  }

  boolean isEmpty() {
    return bounds.length == 0;
  }

  boolean contains(int codePoint) {
    for (int i = 0; i < ranges(); i++) {
      if (codePoint >= low(i) && codePoint <= high(i)) {
        return true;
      }
    }
    return false;
  }

  CodePoints plus(int low, int high) {
    return union(new CodePoints(new int[] {low, high}));
  }

  CodePoints union(CodePoints other) {
    return complement().intersect(other.complement()).complement();
  }

  CodePoints minus(CodePoints other) {
    return intersect(other.complement());
  }

  CodePoints intersect(CodePoints other) {
    int[] found = new int[2 * (ranges() + other.ranges())];
    int size = 0;
    for (int i = 0, j = 0; i < ranges() && j < other.ranges(); ) {
      int low = Math.max(low(i), other.low(j));
      int high = Math.min(high(i), other.high(j));
      if (low <= high) {
        found[size++] = low;
        found[size++] = high;
      }
      if (high(i) < other.high(j)) {
        i++;
      } else {
        j++;
      }
    }
    return new CodePoints(Arrays.copyOf(found, size));
  }

  /** All scalar values that are not in it. */
  CodePoints complement() {
    int[] found = new int[bounds.length + 4];
    int size = 0;
    int next = 0;
    for (int i = 0; i <= ranges(); i++) {
      int end = i < ranges() ? low(i) - 1 : MOST;
      if (next < FIRST_SURROGATE && end > LAST_SURROGATE) {
        found[size++] = next;
        found[size++] = FIRST_SURROGATE - 1;
        next = LAST_SURROGATE + 1;
      }
      next = next >= FIRST_SURROGATE && next <= LAST_SURROGATE ? LAST_SURROGATE + 1 : next;
      end = end >= FIRST_SURROGATE && end <= LAST_SURROGATE ? FIRST_SURROGATE - 1 : end;
      if (next <= end) {
        found[size++] = next;
        found[size++] = end;
      }
      next = i < ranges() ? Math.max(next, high(i) + 1) : next;
    }
    return new CodePoints(Arrays.copyOf(found, size));
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof CodePoints points && Arrays.equals(bounds, points.bounds);
  }

  @Override
  public int hashCode() {
    return Arrays.hashCode(bounds);
  }
}
