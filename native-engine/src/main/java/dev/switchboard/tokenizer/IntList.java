package dev.switchboard.tokenizer;

import java.util.Arrays;

/** A growing list of ints; not checked, as its users loop within {@link #size}. */
public final class IntList {
  private int[] values = new int[16];
  private int size;

  public void add(int value) {
    if (size == values.length) {
      values = Arrays.copyOf(values, size * 2);
    }
    values[size++] = value;
  }

  public int get(int index) {
    return values[index];
  }

  public void set(int index, int value) {
    values[index] = value;
  }

  public int removeLast() {
    return values[--size];
  }

  public int size() {
    return size;
  }

  /** Keeps so many of the first. */
  public void truncate(int newSize) {
    size = newSize;
  }

  public int[] toArray() {
    return Arrays.copyOf(values, size);
  }
}
