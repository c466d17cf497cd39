package dev.switchboard.console.api;

import java.util.Comparator;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/**
 * The gateway's keys that the console holds, one per role. A person acts with the key of his own
 * role, so that the gateway checks the role too; where that one is missing, with the one below.
 */
public record AdminKeys(Map<Role, String> byRole) {
  /** Of a gateway that asks for none. */
  public static final AdminKeys NONE = new AdminKeys(Map.of());

  /** Copies the map. */
  public AdminKeys {
    byRole = Map.copyOf(byRole);
  }

  /** Those of the file, and where it has none those of the environment. */
  public static AdminKeys of(Map<Role, String> file, Map<String, String> environment) {
    Map<Role, String> keys = new EnumMap<>(Role.class);
    for (Role role : Role.values()) {
      String name = "SWITCHBOARD_CONSOLE_" + role.name() + "_KEY";
      String key = file.getOrDefault(role, environment.getOrDefault(name, "").strip());
      if (!key.isEmpty()) {
        keys.put(role, key);
      }
    }
    return new AdminKeys(keys);
  }

  /** Reads lines of role=key; empty ones and those that begin with # say nothing. */
  public static Map<Role, String> parse(List<String> lines) {
    Map<Role, String> keys = new EnumMap<>(Role.class);
    for (int i = 0; i < lines.size(); i++) {
      String line = lines.get(i).strip();
      if (line.isEmpty() || line.startsWith("#")) {
        continue;
      }
      int equals = line.indexOf('=');
      String name = equals < 0 ? "" : line.substring(0, equals).strip().toLowerCase(Locale.ROOT);
      String key = line.substring(equals + 1).strip();
      if (key.isEmpty() || !List.of("viewer", "operator", "admin").contains(name)) {
        throw new IllegalArgumentException(
            "line " + (i + 1) + " must be viewer=KEY, operator=KEY or admin=KEY");
      }
      keys.put(Role.parse(name), key);
    }
    return keys;
  }

  /** The key that somebody of the role acts with. */
  public Optional<String> forRole(Role role) {
    return byRole.keySet().stream()
        .filter(role::includes)
        .max(Comparator.naturalOrder())
        .map(byRole::get);
  }

  /** The key that the console itself reads with: the least there is. */
  public Optional<String> forReading() {
    return byRole.keySet().stream().min(Comparator.naturalOrder()).map(byRole::get);
  }

  /** Says only which there are. */
  @Override
  public String toString() {
    return "AdminKeys" + byRole.keySet();
  }
}
