package dev.switchboard.bench;

import java.io.PrintStream;
import java.util.List;

/** A table as Markdown, its columns aligned. */
public final class MarkdownTable {
  private MarkdownTable() {}

  public static void print(PrintStream out, List<String> heads, List<List<String>> rows) {
    int[] widths = heads.stream().mapToInt(String::length).toArray();
    for (List<String> row : rows) {
      for (int i = 0; i < row.size(); i++) {
        widths[i] = Math.max(widths[i], row.get(i).length());
      }
    }
    line(out, heads, widths);
    StringBuilder rule = new StringBuilder("|");
    for (int width : widths) {
      rule.append("-".repeat(width + 2)).append('|');
    }
    out.println(rule);
    rows.forEach(row -> line(out, row, widths));
  }

  private static void line(PrintStream out, List<String> cells, int[] widths) {
    StringBuilder line = new StringBuilder("|");
    for (int i = 0; i < widths.length; i++) {
      String cell = i < cells.size() ? cells.get(i) : "";
      line.append(' ').append(cell).append(" ".repeat(widths[i] - cell.length())).append(" |");
    }
    out.println(line);
  }
}
