package dev.switchboard.console;

import com.microsoft.playwright.BrowserContext;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.options.AriaRole;
import java.util.ArrayList;
import java.util.List;

/** Somebody at a browser: what he sees and presses, by the words that stand there. */
final class Visitor implements AutoCloseable {
  private static final String NAME = "alice";
  private static final String PASSWORD = "correct horse battery";

  private final BrowserContext context;
  private final Page page;
  private final List<String> faults = new ArrayList<>();

  Visitor(BrowserContext context) {
    this.context = context;
    this.page = context.newPage();
    page.onPageError(faults::add);
    page.onConsoleMessage(
        message -> {
          if (message.type().equals("error")) {
            faults.add(message.text());
          }
        });
  }

  Page page() {
    return page;
  }

  /** What the browser's console called an error. */
  List<String> faults() {
    return List.copyOf(faults);
  }

  /** Opens the address that the console printed, and becomes the first admin. */
  void signInFirst(String firstRunUrl) {
    page.navigate(firstRunUrl);
    page.getByLabel("Name").fill(NAME);
    page.getByLabel("Password", new Page.GetByLabelOptions().setExact(true)).fill(PASSWORD);
    button("Make the first admin").click();
    heading("Fleet").waitFor();
  }

  /** Signs in whom {@link #signInFirst} made. */
  static void signIn(Page page) {
    page.navigate("/sign-in");
    page.getByLabel("Name").fill(NAME);
    page.getByLabel("Password", new Page.GetByLabelOptions().setExact(true)).fill(PASSWORD);
    page.getByRole(AriaRole.BUTTON, new Page.GetByRoleOptions().setName("Sign in")).click();
    page.locator(".sb-view").first().waitFor();
  }

  /** Goes to a view by its entry of the navigation. */
  void go(String view) {
    page.locator("vaadin-side-nav-item").filter(having(view)).first().click();
    heading(view).waitFor();
    Chromium.drawn(page);
  }

  private static Locator.FilterOptions having(String text) {
    return new Locator.FilterOptions().setHasText(text);
  }

  Locator heading(String text) {
    return page.getByRole(
        AriaRole.HEADING, new Page.GetByRoleOptions().setName(text).setExact(true).setLevel(1));
  }

  Locator button(String text) {
    return page.getByRole(
        AriaRole.BUTTON, new Page.GetByRoleOptions().setName(text).setExact(true));
  }

  /** The dialog that is open. */
  Locator dialog() {
    return page.getByRole(AriaRole.DIALOG);
  }

  /** A button of the open dialog. */
  Locator dialogButton(String text) {
    return dialog()
        .getByRole(AriaRole.BUTTON, new Locator.GetByRoleOptions().setName(text).setExact(true));
  }

  /** A field of the open dialog. */
  Locator dialogField(String label) {
    return dialog().getByLabel(label, new Locator.GetByLabelOptions().setExact(true));
  }

  /** Says why and confirms; the dialog closes when it is done. */
  void confirm(String button, String reason) {
    dialog().getByLabel("Reason").fill(reason);
    dialogButton(button).click();
    dialogButton(button).waitFor(new Locator.WaitForOptions().setState(gone()));
  }

  private static com.microsoft.playwright.options.WaitForSelectorState gone() {
    return com.microsoft.playwright.options.WaitForSelectorState.HIDDEN;
  }

  @Override
  public void close() {
    context.close();
  }
}
