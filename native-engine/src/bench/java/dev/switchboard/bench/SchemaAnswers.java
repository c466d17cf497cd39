package dev.switchboard.bench;

import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.switchboard.constraint.Constraint;
import dev.switchboard.constraint.ConstraintCompiler;
import dev.switchboard.constraint.ConstraintException;
import dev.switchboard.constraint.ConstraintSource;
import dev.switchboard.constraint.TokenVocabulary;
import dev.switchboard.tokenizer.Tokens;
import java.io.IOException;
import java.io.PrintStream;
import java.io.Writer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Which schemas of a folder are accepted, and answers under each that is, drawn at random and
 * written for others to judge.
 */
final class SchemaAnswers {
  private static final int COMPLAINTS_SHOWN = 20;
  private static final JsonMapper JSON = JsonMapper.builder().build();

  /** The tokens of the vocabulary that is made up: few, so that short ones come as well. */
  static final int SIZE = 4000;

  private final ConstraintCompiler compiler;
  private final AnswerWalk walk;
  private final PrintStream out;
  private final Map<String, Integer> complaints = new TreeMap<>();

  SchemaAnswers(Tokens tokens, PrintStream out) {
    TokenVocabulary vocabulary = new TokenVocabulary(tokens, tokens.size());
    compiler = new ConstraintCompiler(vocabulary);
    walk = new AnswerWalk(tokens, vocabulary);
    this.out = out;
  }

  /** Of one folder's schemas, or of all. */
  static final class Count {
    int schemas;
    int accepted;
    int answers;
    int unfinished;

    /** Of a hundred schemas, how many are accepted. */
    double share() {
      return 100.0 * accepted / Math.max(1, schemas);
    }
  }

  /**
   * @param file a line of JSON for each answer: {@code file}, {@code answer}
   * @param perFolder schemas of each folder, drawn at random; 0 for all
   * @param each answers of each schema
   * @return the sums of all folders
   */
  Count write(Path folder, Path file, int perFolder, int each) throws IOException {
    Map<String, Count> counts = new TreeMap<>();
    try (Writer answers = Files.newBufferedWriter(file)) {
      for (Path schema : schemas(folder, perFolder)) {
        String name = String.valueOf(folder.relativize(schema).getParent());
        judge(schema, each, counts.computeIfAbsent(name, _ -> new Count()), answers);
      }
    }
    return print(counts);
  }

  /** The same ones each time. */
  private static List<Path> schemas(Path folder, int perFolder) throws IOException {
    Map<Path, List<Path>> folders = new TreeMap<>();
    try (Stream<Path> files = Files.walk(folder)) {
      files
          .filter(file -> file.toString().endsWith(".json"))
          .sorted()
          .forEach(file -> folders.computeIfAbsent(file.resolveSibling(""), _ -> list()).add(file));
    }
    List<Path> drawn = new ArrayList<>();
    for (List<Path> files : folders.values()) {
      Collections.shuffle(files, new Random(1));
      drawn.addAll(perFolder == 0 ? files : files.subList(0, Math.min(perFolder, files.size())));
    }
    return drawn;
  }

  private static List<Path> list() {
    return new ArrayList<>();
  }

  private void judge(Path schema, int each, Count count, Writer answers) throws IOException {
    count.schemas++;
    String text = Files.readString(schema);
    Constraint constraint = compiled(text);
    if (constraint == null) {
      return;
    }
    count.accepted++;
    BitSet spelled = walk.spelledBy(text);
    for (int i = 0; i < each; i++) {
      String answer = walk.draw(constraint, spelled, new Random(count.schemas * 7919L + i));
      count.answers += answer == null ? 0 : 1;
      count.unfinished += answer == null ? 1 : 0;
      if (answer != null) {
        Map<String, String> line = Map.of("file", schema.toString(), "answer", answer);
        answers.write(JSON.writeValueAsString(line) + "\n");
      }
    }
  }

  private @Nullable Constraint compiled(String schema) {
    try {
      return compiler.compile(new ConstraintSource.JsonSchema(schema));
    } catch (ConstraintException refused) {
      String word = refused.path().replaceAll("(\\[\\d+])+$", "").replaceAll(".*\\.", "");
      String complaint = refused.complaint().replaceAll("\\d+ and \\d+", "N and M");
      complaints.merge((word + ": " + complaint).replaceAll("^: ", ""), 1, Integer::sum);
      return null;
    }
  }

  private Count print(Map<String, Count> counts) {
    List<List<String>> rows = new ArrayList<>();
    Count all = new Count();
    counts.forEach(
        (name, count) -> {
          rows.add(row(name, count));
          all.schemas += count.schemas;
          all.accepted += count.accepted;
          all.answers += count.answers;
          all.unfinished += count.unfinished;
        });
    rows.add(row("all", all));
    List<String> heads = List.of("folder", "schemas", "accepted", "%", "answers", "unfinished");
    MarkdownTable.print(out, heads, rows);
    out.println("\nrefused:");
    complaints.entrySet().stream()
        .sorted(Map.Entry.<String, Integer>comparingByValue().reversed())
        .limit(COMPLAINTS_SHOWN)
        .forEach(each -> out.printf(Locale.ROOT, "%5d  %s%n", each.getValue(), each.getKey()));
    return all;
  }

  private static List<String> row(String name, Count count) {
    String share = String.format(Locale.ROOT, "%.1f", count.share());
    return List.of(
        name,
        Integer.toString(count.schemas),
        Integer.toString(count.accepted),
        share,
        Integer.toString(count.answers),
        Integer.toString(count.unfinished));
  }
}
