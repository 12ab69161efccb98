<?php
// SPDX-License-Identifier: GPL-3.0-or-later
// Our two fields of Quick Create. Needs: $models, names of the catalogue.
use FreePBX\modules\Offhook\Text;
?>
<div class="element-container">
  <div class="row"><div class="form-group">
    <div class="col-md-3"><label class="control-label" for="offhook_mac">Cisco phone, MAC</label></div>
    <div class="col-md-9"><input type="text" class="form-control" id="offhook_mac" name="offhook_mac" maxlength="40"
      placeholder="empty: no Cisco phone"></div>
  </div></div>
</div>
<div class="element-container">
  <div class="row"><div class="form-group">
    <div class="col-md-3"><label class="control-label" for="offhook_model">Cisco phone, model</label></div>
    <div class="col-md-9"><select class="form-control" id="offhook_model" name="offhook_model">
      <option value="auto">auto (what the phone says)</option>
      <?php foreach ($models as $name) { ?><option value="<?= Text::html($name) ?>"><?= Text::html($name) ?></option><?php } ?>
    </select>
    <span class="help-block">With a MAC, the extension gets a secret of 12 letters and digits and the NAT settings the phone needs.</span></div>
  </div></div>
</div>
