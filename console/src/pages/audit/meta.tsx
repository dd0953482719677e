import { SafetyCertificateOutlined } from '@ant-design/icons';

import type { Meta } from '../registry';

export const meta: Meta = {
  path: '/audit',
  order: 60,
  name: 'audit',
  icon: <SafetyCertificateOutlined />,
  right: 'audit.read',
  load: () => import('./Page'),
};
