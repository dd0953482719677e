import { MedicineBoxOutlined } from '@ant-design/icons';

import type { Meta } from '../registry';

export const meta: Meta = {
  path: '/doctor',
  order: 90,
  name: 'doctor',
  icon: <MedicineBoxOutlined />,
  right: 'doctor.read',
  load: () => import('./Page'),
};
