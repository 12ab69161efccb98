<?php
// SPDX-License-Identifier: GPL-3.0-or-later
// The page "Cisco Phones". Needs: $phones, $seen, $extensions, $models, $deleted, $tcpOff, $tcpSilent, $checks, $messages, $token.
// Everything that is printed goes through Text::html.
use FreePBX\modules\Offhook\PhonesPage;
use FreePBX\modules\Offhook\Text;
?>
<style>
.offhook-phones td { vertical-align: top !important; overflow-wrap: anywhere; }
.offhook-phones code { white-space: nowrap; }
.offhook-bar { margin: 1em 0; }
.offhook-bar input[type=text] { display: inline-block; width: 12em; }
.offhook-bar select { display: inline-block; width: auto; }
</style>
<div class="container-fluid">
<h1>Cisco Phones</h1>
<div class="row"><div class="col-sm-12"><div class="fpbx-container"><div class="display full-border">
<?php foreach ($messages as list($kind, $sentence)) { ?>
  <div class="alert alert-<?= Text::html($kind) ?>" role="alert"><?= Text::html($sentence) ?></div>
<?php } ?>
<form method="post" action="config.php?display=offhook" id="offhook-form">
<input type="hidden" name="offhook_token" value="<?= Text::html($token) ?>">
<div id="offhook-live">
<?php if ($tcpOff !== []) { ?>
  <div class="alert alert-danger" role="alert"><strong>TCP is off</strong>, and <?= Text::html(implode(', ', $tcpOff)) ?> <?= count($tcpOff) === 1 ? 'needs' : 'need' ?> it:
  Settings, Asterisk SIP Settings, SIP Settings [chan_pjsip], Transports, tcp: Yes; press Submit and Apply Config.
  It <strong>needs an Asterisk restart</strong> after that: Apply alone does not open the port. For extensions on chan_sip: SIP Legacy
  Settings [chan_sip], Enable TCP: Yes, and Apply Config.</div>
<?php } ?>
<?php if ($tcpSilent !== []) { ?>
  <div class="alert alert-danger" role="alert"><strong>TCP is on, and nobody answers there</strong>; <?= Text::html(implode(', ', $tcpSilent)) ?>
  <?= count($tcpSilent) === 1 ? 'needs' : 'need' ?> it: press Apply Config where it is pending, else this <strong>needs an Asterisk restart</strong> (fwconsole restart).</div>
<?php } ?>
<table class="table table-striped offhook-phones" id="offhook-phones">
<thead><tr><th></th><th>MAC</th><th>Model</th><th>Lines</th><th>State</th><th>Address</th><th>Load</th></tr></thead>
<tbody>
<?php foreach ($phones as $mac => $phone) {
    $live = $phone['live'] ?? null;
    $status = $phone['status']; ?>
  <tr data-mac="<?= Text::html($mac) ?>">
    <td><input type="checkbox" name="offhook_chosen[]" value="<?= Text::html($mac) ?>" aria-label="choose <?= Text::html($mac) ?>"></td>
    <td><code><?= Text::html($mac) ?></code><br><?= Text::html($phone['description']) ?><?= (string) $phone['enabled'] === '0' ? ' (switched off)' : '' ?></td>
    <td><?= Text::html($phone['model']) ?></td>
    <td><?php foreach ($phone['lines'] as $button => $line) { ?>
      <div><?= Text::html($button) ?>: <a href="config.php?display=extensions&amp;extdisplay=<?= Text::html(rawurlencode((string) $line['extension'])) ?>"><?= Text::html($line['extension']) ?></a>
      <?= Text::html($extensions[$line['extension']] ?? '') ?><?= $line['kind'] === 'line' ? '' : ' (' . Text::html($line['kind']) . ')' ?>
      <?php if (in_array((string) $line['extension'], $deleted, true)) { ?><em>deleted, goes with the next Apply</em><?php
      } elseif ($line['kind'] === 'line' && !isset($extensions[$line['extension']])) { ?><em>not in FreePBX</em><?php } ?></div>
    <?php } ?></td>
    <td><?= $live !== null
        ? PhonesPage::stateHtml($live['health'] ?? '', $live['stage'] ?? '', $live['summary'] ?? '')
        : ($status === null ? PhonesPage::stateHtml('', '', 'offhook has not reported on this phone yet')
            : PhonesPage::stateHtml($status['health'], $status['stage'], $status['summary'])
                . '<br><small>' . Text::html("as of {$status['updated']} UTC") . '</small>') ?></td>
    <td><?= Text::html($live['ip'] ?? $status['ip'] ?? '') ?></td>
    <td><?= Text::html($live['load'] ?? $status['load_id'] ?? '') ?><?= (string) $phone['target_load'] === '' ? '' : '<br><small>wanted: ' . Text::html($phone['target_load']) . '</small>' ?></td>
  </tr>
<?php } ?>
<?php if ($phones === []) { ?>
  <tr><td colspan="7">No phone yet. Enter a MAC on an extension's page, section Cisco phone, or below.</td></tr>
<?php } ?>
</tbody>
</table>
</div>
<div class="offhook-bar">
  With the chosen phones:
  <button class="btn btn-default" name="offhook_action" value="resync" title="fetch the configuration again">Resync</button>
  <button class="btn btn-default" name="offhook_action" value="restart" title="restart the phone">Restart</button>
  <button class="btn btn-default" name="offhook_action" value="reset" title="restart and load everything again">Reset</button>
  <button class="btn btn-default" name="offhook_action" value="safe"
    title="each extension of the chosen phones gets a new secret of 12 letters and digits; a running phone registers again after Apply">New secrets and NAT settings</button>
  <button class="btn btn-danger" name="offhook_action" value="remove" title="the extension stays, the phone gets no configuration any more">Remove</button>
</div>
</form>
<h3>Add a phone</h3>
<?php if ($seen !== []) { ?><p>These phones asked for their files and are on no extension yet.</p><?php } ?>
<datalist id="offhook-extensions"><?php foreach ($extensions as $number => $name) { ?>
  <option value="<?= Text::html($number) ?>"><?= Text::html($name) ?></option><?php } ?></datalist>
<?php foreach (array_merge($seen, [null]) as $phone) { ?>
<form method="post" action="config.php?display=offhook" class="offhook-bar offhook-assign" data-mac="<?= Text::html($phone['mac'] ?? '') ?>">
  <input type="hidden" name="offhook_token" value="<?= Text::html($token) ?>">
  <?php if ($phone === null) { ?>
  <input type="text" class="form-control" name="offhook_mac" placeholder="MAC" aria-label="MAC" maxlength="40">
  <?php } else { ?>
  <code><?= Text::html($phone['mac'] ?? '') ?></code> <?= Text::html($phone['ip'] ?? '') ?> <?= Text::html($phone['load'] ?? '') ?>
  <input type="hidden" name="offhook_mac" value="<?= Text::html($phone['mac'] ?? '') ?>">
  <?php } ?>
  <select class="form-control" name="offhook_model" aria-label="model"><option value="">auto</option><?php foreach ($models as $name) { ?>
    <option value="<?= Text::html($name) ?>"<?= $name === ($phone['model'] ?? '') ? ' selected' : '' ?>><?= Text::html($name) ?></option><?php } ?></select>
  <input type="text" class="form-control" name="offhook_extension" list="offhook-extensions" placeholder="extension" aria-label="extension" maxlength="20">
  <label><input type="checkbox" name="offhook_safe" value="yes" checked> new secret and NAT settings</label>
  <button class="btn btn-default" name="offhook_action" value="assign"><?= $phone === null ? 'Add' : 'Adopt' ?></button>
</form>
<?php } ?>
<h3>Tidy up</h3>
<form method="post" action="config.php?display=offhook" class="offhook-bar">
  <input type="hidden" name="offhook_token" value="<?= Text::html($token) ?>">
  <button class="btn btn-default" name="offhook_action" value="purge">Take off extensions that FreePBX does not have</button>
  <a class="btn btn-default" href="config.php?display=offhook&amp;offhook_check=1">Check the installation</a>
</form>
<?php if ($checks !== []) { ?>
<table class="table" id="offhook-checks"><tbody><?php foreach ($checks as $check) { ?>
  <tr><td><?= Text::html($check['status'] ?? '') ?></td><td><?= Text::html($check['name'] ?? '') ?></td>
  <td><?= Text::html($check['summary'] ?? '') ?><br><?= Text::html($check['remedy'] ?? '') ?></td></tr><?php } ?></tbody></table>
<?php } ?>
</div></div></div></div></div>
<script>
// The table alone is fetched again, while it is looked at and nothing in it is ticked. Without script it is a plain page.
(function () {
  var live = document.getElementById('offhook-live');
  setInterval(function () {
    if (document.hidden || live.querySelector('input:checked')) { return; }
    fetch('config.php?display=offhook&quietmode=1', {credentials: 'same-origin'}).then(function (answer) {
      return answer.ok ? answer.text() : '';
    }).then(function (html) {
      var fresh = new DOMParser().parseFromString(html, 'text/html').getElementById('offhook-live');
      if (fresh && !live.querySelector('input:checked')) { live.innerHTML = fresh.innerHTML; }
    }).catch(function () {});
  }, 15000);
}());
</script>
