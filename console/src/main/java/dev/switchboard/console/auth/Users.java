package dev.switchboard.console.auth;

import dev.switchboard.console.api.Role;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Clock;
import java.time.Instant;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ArrayNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The local users, in users.json of the state folder: written as a whole beside it, then moved over
 * it, readable by its owner alone. A change is on the disk when its method returns. All methods may
 * be called from any thread.
 */
public final class Users {
  static final int NAME_MAX = 64;
  private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._@-]{1," + NAME_MAX + "}");
  private static final JsonMapper JSON = new JsonMapper();
  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ONLY =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------"));

  private record User(Person person, String hash) {}

  private final Path folder;
  private final Path file;
  private final Clock clock;
  private final PeopleLog log;
  private final Passwords passwords = new Passwords();
  private final String nobodysHash = passwords.hash("a password that nobody has");
  private Map<String, User> users;

  private Users(Path folder, Clock clock, PeopleLog log, Map<String, User> users) {
    this.folder = folder;
    this.file = fileIn(folder);
    this.clock = clock;
    this.log = log;
    this.users = users;
  }

  private static Path fileIn(Path folder) {
    return folder.resolve("users.json");
  }

  /** Reads the file; without one there is nobody yet. */
  public static Users open(Path folder, Clock clock) throws IOException {
    Path file = fileIn(folder);
    Files.createDirectories(folder);
    try {
      Map<String, User> users = Files.exists(file) ? read(file) : Map.of();
      return new Users(folder, clock, PeopleLog.open(folder), users);
    } catch (JacksonException | IllegalArgumentException | java.time.DateTimeException e) {
      throw new IOException(file + " is not a file of users: " + e.getMessage(), e);
    }
  }

  private static Map<String, User> read(Path file) throws IOException {
    Map<String, User> users = new LinkedHashMap<>();
    for (JsonNode each : JSON.readTree(Files.readAllBytes(file)).required("users")) {
      Person person =
          new Person(
              each.required("name").asString(),
              Role.parse(each.required("role").asString()),
              Instant.parse(each.required("since").asString()));
      users.put(person.name(), new User(person, each.required("password").asString()));
    }
    return users;
  }

  /** Where changes of them are written down. */
  public PeopleLog log() {
    return log;
  }

  /** All of them, by name. */
  public synchronized List<Person> all() {
    return users.values().stream()
        .map(User::person)
        .sorted(Comparator.comparing(Person::name))
        .toList();
  }

  /** Who it is now; roles may change while somebody is signed in. */
  public synchronized Optional<Person> find(String name) {
    return Optional.ofNullable(users.get(name)).map(User::person);
  }

  /** Whether there is an admin. */
  public synchronized boolean hasAdmin() {
    return users.values().stream().anyMatch(user -> user.person().role() == Role.ADMIN);
  }

  /** The person of the name, if the password is his. Takes as long for a name that is unknown. */
  public Optional<Person> verify(String name, String password) {
    @Nullable User user;
    synchronized (this) {
      user = users.get(name);
    }
    boolean right = passwords.matches(password, user == null ? nobodysHash : user.hash());
    return right && user != null ? Optional.of(user.person()) : Optional.empty();
  }

  /** Adds somebody. */
  public Person add(String name, Role role, String password) {
    checkName(name);
    checkPassword(password);
    Person person = new Person(name, role, clock.instant());
    User user = new User(person, passwords.hash(password));
    synchronized (this) {
      check(!users.containsKey(name), "there is a user of this name");
      Map<String, User> changed = new LinkedHashMap<>(users);
      changed.put(name, user);
      write(changed);
    }
    return person;
  }

  /** Gives somebody another role. */
  public synchronized void changeRole(String name, Role role) {
    User user = known(name);
    Map<String, User> changed = new LinkedHashMap<>(users);
    Person person = new Person(name, role, user.person().since());
    changed.put(name, new User(person, user.hash()));
    checkAdmin(changed);
    write(changed);
  }

  /** Gives somebody another password. */
  public void changePassword(String name, String password) {
    checkPassword(password);
    String hash = passwords.hash(password);
    synchronized (this) {
      Map<String, User> changed = new LinkedHashMap<>(users);
      changed.put(name, new User(known(name).person(), hash));
      write(changed);
    }
  }

  /** Takes somebody out; whoever is signed in under the name is not any more. */
  public synchronized void remove(String name) {
    known(name);
    Map<String, User> changed = new LinkedHashMap<>(users);
    changed.remove(name);
    checkAdmin(changed);
    write(changed);
  }

  private User known(String name) {
    User user = users.get(name);
    if (user == null) {
      throw new IllegalArgumentException("there is no user " + name);
    }
    return user;
  }

  private static void checkAdmin(Map<String, User> changed) {
    check(
        changed.values().stream().anyMatch(user -> user.person().role() == Role.ADMIN),
        "somebody must stay an admin");
  }

  private static void checkName(String name) {
    check(
        NAME.matcher(name).matches(),
        "the name must be 1 to 64 letters, digits, '.', '_', '@' or '-'");
  }

  private static void checkPassword(String password) {
    check(
        password.length() >= Passwords.LENGTH_MIN && password.length() <= Passwords.LENGTH_MAX,
        "the password must have 10 to 256 characters");
  }

  private static void check(boolean right, String message) {
    if (!right) {
      throw new IllegalArgumentException(message);
    }
  }

  private void write(Map<String, User> changed) {
    ObjectNode root = JSON.createObjectNode();
    ArrayNode list = root.putArray("users");
    for (User user : changed.values()) {
      list.addObject()
          .put("name", user.person().name())
          .put("role", user.person().role().word())
          .put("since", user.person().since().toString())
          .put("password", user.hash());
    }
    try {
      replace(JSON.writerWithDefaultPrettyPrinter().writeValueAsBytes(root));
    } catch (IOException e) {
      throw new UncheckedIOException("cannot write " + file + ": " + e.getMessage(), e);
    }
    users = Map.copyOf(changed);
  }

  /** Else a loss of power brings back a password that was changed, or somebody who was removed. */
  private void replace(byte[] text) throws IOException {
    Path beside = file.resolveSibling("users.json.new");
    Files.deleteIfExists(beside);
    try (FileChannel out =
        FileChannel.open(
            beside, Set.of(StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE), OWNER_ONLY)) {
      ByteBuffer left = ByteBuffer.wrap(text);
      while (left.hasRemaining()) {
        int _ = out.write(left);
      }
      out.force(true);
    }
    Files.move(beside, file, StandardCopyOption.ATOMIC_MOVE);
    try (FileChannel entries = FileChannel.open(folder, StandardOpenOption.READ)) {
      entries.force(true);
    }
  }
}
