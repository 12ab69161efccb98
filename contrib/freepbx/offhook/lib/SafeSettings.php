<?php
// SPDX-License-Identifier: GPL-3.0-or-later

namespace FreePBX\modules\Offhook;

/**
 * What an extension needs on a Cisco phone: a secret that the phone can carry, and NAT settings that answer to the
 * port it listens on. FreePBX's default secret has 32 characters, and no phone of the catalogue takes that.
 *
 * Written by FreePBX's own code alone: in a save of the Extension page by the fields that core is about to read, and
 * elsewhere by what core itself does at an edit, delDevice and addDevice with every setting there is.
 */
final class SafeSettings
{
    /** @var object core's class, FreePBX\modules\Core */
    private $core;

    public function __construct($core)
    {
        $this->core = $core;
    }

    /**
     * Settings by keyword of core's table `sip`, without the secret. Over TCP the connection of the phone is used
     * again, so nothing is changed there; neither is it where the transport is unknown.
     *
     * @param string  $technology `pjsip` or `sip`
     * @param ?string $transport  `udp`, `tcp`, or null = unknown
     */
    public static function flags(string $technology, ?string $transport): array
    {
        if ($transport !== 'udp') {
            return [];
        }
        return $technology === 'sip' ? ['nat' => 'no'] : ['force_rport' => 'no', 'rewrite_contact' => 'no'];
    }

    /**
     * Puts them where core's save will read them (core: convertRequest2Array takes every `devinfo_*` of $_REQUEST).
     * Called in a process function of an order below core's 5.
     */
    public static function intoRequest(string $technology, ?string $transport, PhoneSecret $secret): void
    {
        $values = self::flags($technology, $transport) + ['secret' => $secret->reveal()];
        foreach ($values as $keyword => $value) {
            $_REQUEST["devinfo_$keyword"] = $_POST["devinfo_$keyword"] = $value;
        }
    }

    /**
     * Gives an extension that exists a new secret and these settings. Live after the next Apply.
     *
     * @throws Refused no such device, or core could not store it
     */
    public function apply(string $extension, ?string $transport, PhoneSecret $secret): void
    {
        $device = $this->core->getDevice($extension);
        $technology = strtolower((string) ($device['tech'] ?? ''));
        if (!in_array($technology, ['pjsip', 'sip'], true)) {
            throw new Refused("extension $extension is no SIP extension, so it got no new secret");
        }
        $wanted = self::flags($technology, $transport) + ['secret' => $secret->reveal()];
        if (isset($device['md5_cred'])) {
            // Core 16.0.68.26 and later: where it is not empty, Asterisk is given it and not the secret.
            $wanted['md5_cred'] = '';
        }
        $this->core->delDevice($extension, true);
        try {
            $stored = $this->core->addDevice($extension, $technology, self::settings($wanted + $device), true);
        } catch (\Throwable $error) {
            $stored = false;
        }
        if ($stored) {
            return;
        }
        // A device that is gone is worse than a long secret: what was there is put back.
        $this->core->delDevice($extension, true);
        $this->core->addDevice($extension, $technology, self::settings($device), true);
        throw new Refused("FreePBX could not store the new secret of extension $extension, so it keeps the old one; see the FreePBX log");
    }

    /** The shape that addDevice wants, as core's own kvArrayifyDeviceValues makes it. */
    private static function settings(array $device): array
    {
        unset($device['id'], $device['tech']);
        $flag = 2;
        $settings = [];
        foreach ($device as $keyword => $value) {
            // Core trims this one, and PHP 8 does not like that of null.
            $value = $keyword === 'emergency_cid' ? (string) $value : $value;
            $settings[$keyword] = ['value' => $value, 'flag' => $flag++];
        }
        return $settings;
    }
}
