package dev.switchboard.gateway.images;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** A recipe of images, and what of it is against the policy. */
record Containerfile(List<Instruction> instructions) {
  private static final Pattern USER = Pattern.compile("(\\d+)(:\\d+)?");
  private static final Pattern WORDS = Pattern.compile("\\[(\"[^\"]*\"(, *\"[^\"]*\")*)]");
  private static final Pattern SECRET =
      Pattern.compile("(?i).*(key|token|secret|password|credential).*");
  private static final Pattern FROM = Pattern.compile("(\\S+)(?: +AS +(\\S+))?");

  record Instruction(int line, String name, String rest) {
    String at(String what) {
      return "line " + line + ": " + what;
    }
  }

  static Containerfile parse(String text) {
    List<Instruction> found = new ArrayList<>();
    StringBuilder whole = new StringBuilder();
    int first = 0;
    int number = 0;
    for (String line : text.lines().toList()) {
      number++;
      if (line.isBlank() || line.strip().startsWith("#")) {
        continue;
      }
      first = whole.isEmpty() ? number : first;
      boolean goesOn = line.endsWith("\\");
      whole.append(goesOn ? line.substring(0, line.length() - 1) : line);
      if (!goesOn) {
        String[] words = whole.toString().strip().split("\\s+", 2);
        String rest = words.length > 1 ? words[1] : "";
        found.add(new Instruction(first, words[0].toUpperCase(Locale.ROOT), rest));
        whole.setLength(0);
      }
    }
    return new Containerfile(List.copyOf(found));
  }

  List<String> stageNames() {
    return instructions.stream()
        .filter(each -> each.name().equals("FROM"))
        .map(each -> each.rest().replaceFirst(".* ", ""))
        .toList();
  }

  /** The programs that images start. */
  List<String> entryPoints() {
    return instructions.stream()
        .filter(each -> each.name().equals("ENTRYPOINT"))
        .map(each -> each.rest().replaceAll("^\\[\"|\".*", ""))
        .toList();
  }

  List<String> violations() {
    List<String> found = new ArrayList<>();
    for (Instruction each : instructions) {
      String wrong =
          switch (each.name()) {
            case "ENTRYPOINT", "CMD" -> command(each.rest());
            case "COPY" -> copy(each.rest());
            case "ENV", "ARG" ->
                SECRET.matcher(each.rest()).matches() ? "a secret is no setting" : null;
            case "FROM", "USER", "WORKDIR", "EXPOSE" -> null;
            default -> each.name() + " has no place here";
          };
      if (wrong != null) {
        found.add(each.at(wrong));
      }
    }
    found.addAll(stages());
    return found;
  }

  /** Each stage has what it is made of, and a user, its own or that of the stage it begins with. */
  private List<String> stages() {
    List<String> found = new ArrayList<>();
    Map<String, String> users = new HashMap<>();
    String stage = "";
    String user = "";
    for (Instruction each : instructions) {
      Matcher from = FROM.matcher(each.rest());
      if (each.name().equals("FROM") && from.matches()) {
        stage(found, stage, user);
        if (!from.group(1).equals("scratch") && !users.containsKey(from.group(1))) {
          found.add(each.at("there is no registry: FROM scratch or an earlier stage"));
        }
        user = users.getOrDefault(from.group(1), "");
        stage = from.group(2) == null ? "the last stage" : from.group(2);
      } else if (each.name().equals("USER")) {
        user = each.rest();
      }
      users.put(stage, user);
    }
    stage(found, stage, user);
    return found;
  }

  private static void stage(List<String> found, String stage, String user) {
    Matcher number = USER.matcher(user);
    if (stage.isEmpty()) {
      return;
    }
    if (user.isEmpty()) {
      found.add(stage + ": USER is missing");
    } else if (!number.matches()) {
      found.add(stage + ": USER must be a number, which Kubernetes can see is not root");
    } else if (number.group(1).matches("0+")) {
      found.add(stage + ": USER must not be root");
    }
  }

  private static @Nullable String command(String rest) {
    if (!WORDS.matcher(rest).matches()) {
      return "must have the JSON form: there is no shell";
    }
    return rest.startsWith("[\"/") ? null : "must begin with an absolute path";
  }

  private static @Nullable String copy(String rest) {
    return rest.equals("root/ /")
            || rest.equals("--chown=65532:65532 state/ /var/lib/")
            || rest.startsWith("--chown=0:0 ")
        ? null
        : "what the process could change must not be its program: COPY --chown=0:0";
  }
}
