package dev.switchboard.chat;

import java.util.ArrayList;
import java.util.List;

/** Python's slices. */
final class Slices {
  private Slices() {}

  static Object slice(Object owner, Object start, Object stop, Object step, Budget budget) {
    long stride = step == None.NONE ? 1 : Values.requireInteger(step);
    if (stride == 0) {
      throw new Fault("slice step cannot be zero");
    }
    if (owner instanceof Undefined undefined) {
      throw undefined.fault();
    }
    if (owner instanceof Text text) {
      return ofText(text, start, stop, stride, budget);
    }
    List<Object> items = Values.sequence(owner);
    if (items == null) {
      return new Undefined("'" + Values.typeName(owner) + "' cannot be sliced");
    }
    List<Object> sliced = new ArrayList<>();
    for (int index : indexes(items.size(), start, stop, stride, budget)) {
      sliced.add(items.get(index));
    }
    return owner instanceof Tuple ? new Tuple(sliced) : sliced;
  }

  private static Text ofText(Text text, Object start, Object stop, long stride, Budget budget) {
    int size = text.codePoints();
    budget.chars(text.length());
    if (stride == 1) {
      int from = (int) bound(start, size, 0, 0, size);
      int to = (int) bound(stop, size, size, 0, size);
      return from >= to ? Text.EMPTY : text.slice(text.offset(from), text.offset(to));
    }
    List<Object> characters = Values.iterate(text, budget);
    TextBuilder out = new TextBuilder(budget);
    for (int index : indexes(size, start, stop, stride, budget)) {
      out.append((Text) characters.get(index));
    }
    return out.toText();
  }

  private static int[] indexes(int size, Object start, Object stop, long stride, Budget budget) {
    boolean up = stride > 0;
    long low = up ? 0 : -1;
    long high = up ? size : size - 1L;
    long from = bound(start, size, up ? low : high, low, high);
    long to = bound(stop, size, up ? high : low, low, high);
    long distance = up ? to - from : from - to;
    // A larger stride takes one element all the same.
    long length = Math.min(Math.abs(Math.max(stride, -Integer.MAX_VALUE)), Integer.MAX_VALUE);
    long count = distance <= 0 ? 0 : (distance - 1) / length + 1;
    budget.elements(count);
    int[] indexes = new int[(int) count];
    for (int i = 0; i < count; i++) {
      indexes[i] = (int) (from + i * (up ? length : -length));
    }
    return indexes;
  }

  private static long bound(Object value, int size, long otherwise, long low, long high) {
    if (value == None.NONE) {
      return otherwise;
    }
    long index = Values.requireInteger(value);
    return Math.clamp(index < 0 ? index + size : index, low, high);
  }
}
